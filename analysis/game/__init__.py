"""The course's game: sealed universes for groups, their claims, and the truth at dinner.

============  ==================================================================================
module        what
============  ==================================================================================
`making`      data for every group, the truth sealed (`xyy universe make`)
`sealing`     commitments: what was sealed is what is revealed (`xyy universe reveal`)
`scoring`     one claim against one truth: the rule for right and wrong, pulls, the limit
`scoreboard`  all claims of a game: read, whose is whose, the table (`xyy universe score`)
============  ==================================================================================
"""
