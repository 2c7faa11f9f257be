"""Experiments: many trainings and measurements that answer one question, resumable, as tables."""
