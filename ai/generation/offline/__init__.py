"""A planner that draws up workflows from plain words by tables and rules, without a model. Pure."""
