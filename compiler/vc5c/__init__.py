"""The configuration compiler: short YAML in, one explicit JSON document out."""
