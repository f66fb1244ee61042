"""The lab: claims that textbooks and working notes repeat about these networks, put to the test.

A claim is one file of ``claims/`` with one `striate.lab.experiment.Experiment` called
``EXPERIMENT``, and one line in `striate.lab.book`, which keeps the order of the notes. It declares

- the sentence that is tested, where it is from, and both in Chinese for the book;
- ``settings``: the names of what is compared. All of them are measured with every seed;
- ``equal``: what is held equal between them (`striate.lab.networks.parameters_of`, ``macs_of``),
  which is computed and compared before anything runs;
- ``measure(setting, seed, conditions)``: a pure function that gives a dict of finite numbers, or of
  lists of them. It runs in a process with one thread, of any number side by side, and must not
  depend on anything but its arguments. What it calls ``seconds…`` is a time, which no two runs have
  in common: it is kept apart from the results, and rules and figures may use it all the same;
- ``statements``: the rule, in numbers, that turns results into a verdict (`striate.lab.verdict`):
  which contrast of which figure, more or less or the same, and the least effect that counts;
- ``figure(results)``: an SVG in which every seed is a point (`striate.lab.drawing`);
- ``shown``: the columns of the table, in which a setting without that figure has a dash;
- ``cannot``: what the experiment cannot show.

Networks are trained by `striate.lab.learning.learn`: the product's own loop, recipes and loaders.
What is measured under which `Conditions` (data, epochs, quick) is the experiment's own default, or
what a person asks for.
"""
