"""Real clients against a real process of the fake."""
