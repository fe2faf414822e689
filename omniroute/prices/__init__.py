"""What models cost: the operator's word, else the provider's file, else the table collected by genai-prices."""
