"""What stands between the platform and a language model: what may go out, what may come back.

`guard.Guard` is one call's protection; `manager.AISecurityManager` is the seeds' face of it.
"""
