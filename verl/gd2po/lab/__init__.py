"""The method lab: every method in small exact worlds, and in short trainings, told in one schema of results.

policy       a policy over short token sequences whose expectations are enumerated, for many seeds at once
worlds/      rewards, noise and optimiser of each world; `held_out` was written before a method was run on it
methods      the methods that are compared, by the settings that a user writes
batched      advantages of all seeds at once, by the registered normalisers, filters and combinations
training     one method in one world
probing      its update beside the exact gradient, and what sampled scores alone predict
results      the schema of results, and the folder that holds them
running      all worlds and methods, on several processes; the same command goes on
comparing    paired differences with intervals, corrected for the number of comparisons
rules        rules that choose a method from sampled scores, against outcomes
summary      what is kept of all results in one file
page         the document and the page that are made of the summary
"""
