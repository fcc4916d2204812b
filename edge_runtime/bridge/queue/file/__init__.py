"""The SQLite file under the queue: its tables, its clock, its place on the disk, its repair."""
