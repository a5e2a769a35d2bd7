"""What a terminal shows: facts arranged for reading. Screens compute nothing and print nothing."""
