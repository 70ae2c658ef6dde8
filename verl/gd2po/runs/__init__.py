"""What a run is for those outside the trainer: its process, and the files that it leaves."""
