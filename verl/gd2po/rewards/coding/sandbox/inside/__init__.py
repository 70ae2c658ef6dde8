"""What runs inside a sandbox, where nothing but Python's own files is seen.

The modules of this folder import Python's own modules and each other; they are sent in by :mod:`.sandbox.sent`.
"""
