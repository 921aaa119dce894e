"""The app's panels, state and caches: with app.py and pages/, the only place that imports Streamlit."""
