"""The built-in step types, one a file. The registry finds them as it finds everybody else's."""

from engine.executors import data_collection, decision, function, http, transform, validation

__all__ = ["data_collection", "decision", "function", "http", "transform", "validation"]
