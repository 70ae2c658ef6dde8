"""A reward model in this process, and as a server over HTTP."""
