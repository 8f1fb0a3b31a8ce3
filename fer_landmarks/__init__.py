"""Classical family: faces to landmarks, geometry and gradient histograms, to a classifier."""
