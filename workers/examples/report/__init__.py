"""The parts of `csv-report`: reading sales, forecasting, finding outliers, drawing, writing the page."""
