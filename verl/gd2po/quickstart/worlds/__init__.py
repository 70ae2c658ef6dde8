"""Small made-up tasks that train in minutes on a CPU."""
