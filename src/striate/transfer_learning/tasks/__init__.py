"""What a head is fitted for, and how it is judged: classes or numbers. Start at ``task``."""
