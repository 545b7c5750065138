"""What a user decides: settings files, expressions and functions of users."""
