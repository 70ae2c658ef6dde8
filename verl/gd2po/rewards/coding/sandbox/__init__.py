"""Where answers run: :mod:`.processes` has sandboxes of bubblewrap, :mod:`.fusion` a SandboxFusion server."""
