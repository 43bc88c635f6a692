"""Minutes of constant load with a fault every few seconds: nothing is lost, nothing grows."""
