"""Sessions and tokenizers: numbers in, numbers out."""
