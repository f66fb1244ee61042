"""One self-contained page on which a network can be explored.

Read `tree` (modules as nested groups), `payload` (all that the page knows, as plain data),
`activations` (real feature maps), `picture` (what the network looks at), `build` (the page), then
`assets/`: `model.js`, `layout.js`, `moves.js`, `graph.js`, `sight.js`, `detail.js` and `app.js`.
"""
