"""Run the costly stages on a Spark cluster: scan, factors, embeddings, lists. Everything else runs as on one machine.

The functions, tables and artefacts are those of the local stages; only the loop over files, plays, tracks or playlists
is replaced (docs/decisions/0019-the-cluster.md). Every machine has unheard installed and sees the music and the
workspace under the same paths. The driver alone writes to the workspace, but for scratch files and Parquet lists.
"""
