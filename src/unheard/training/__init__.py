"""Train networks and rankers on factors, features and plays of train tracks."""
