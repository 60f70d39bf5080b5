"""The parts of the stage ``evaluate``: what is judged, by which features, and each kind of figure."""
