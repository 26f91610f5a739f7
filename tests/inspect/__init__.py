"""What a program waits for: what the commands and the functions say of programs that hang."""
