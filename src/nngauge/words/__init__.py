"""Facts as people say them: amounts, a model in one line, layers by family, texts made safe, documents."""
