"""Run trained models: checkpoints in, predicted factors and embeddings of tracks out."""
