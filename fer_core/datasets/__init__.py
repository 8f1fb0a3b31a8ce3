"""Datasets: FER2013 with FER+ votes, folders of one's own pictures, and the demo faces."""
