"""Reports: facts arranged for reading. They compute nothing and print nothing."""
