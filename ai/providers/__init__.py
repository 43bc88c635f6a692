"""Ways to a language model. Each is a `Provider`; `ai.client` chooses."""
