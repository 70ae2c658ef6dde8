"""The trainers that gd2po works in, one room for each. A room is the only one that imports its trainer."""
