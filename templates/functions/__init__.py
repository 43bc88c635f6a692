"""What FUNCTION steps of the starter templates call, one field of work a module."""
