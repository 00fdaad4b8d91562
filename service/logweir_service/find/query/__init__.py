"""What a query asks for, and looking for it: back through the journal, or along with it."""
