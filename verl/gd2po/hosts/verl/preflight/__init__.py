"""Questions about a run before it starts: what it will do (plan), whether the machine is ready (doctor), the nodes."""
