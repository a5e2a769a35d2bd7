"""What is known about the field, as data with sources: components that bring models, published models, builds."""
