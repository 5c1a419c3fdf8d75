"""Results on disk: campaign folders, JSON files, distributions."""
