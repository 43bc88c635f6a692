"""Keys: master keys and their providers, data keys as rows, rotation, sealing anew, destruction."""
