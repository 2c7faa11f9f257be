"""Create, run and analyse blind listening tests.

study.py, design.py, create.py, clips.py, loudness.py      what a study is, and how it is made
answers.py, judgements.py, simulate.py                     answers of raters, real or simulated
screening.py, analyse.py and the statistics                which answers count, and the analysis
analysis_tables.py, means_plot.py                          tables, files and the figure
"""
