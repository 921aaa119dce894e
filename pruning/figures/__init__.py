"""Figures: tables in, Plotly out, and beside each the sentence that says what is to be seen."""
