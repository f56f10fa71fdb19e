"""An evaluation as one HTML page, a MultiQC section, figures: `cnnscore report`."""
