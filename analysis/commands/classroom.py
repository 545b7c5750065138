"""Commands of the classroom: samples and universes to practise on."""

from typing import Annotated, Any, Literal

import typer

from analysis.commands import options
from analysis.commands.console import Console
from analysis.commands.options import flag, number, spread
from tools.errors import InputError
from tools.locks import one_writer


@spread
def generate(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...")] = None,
    *,
    out: options.OutOption,
    universe: options.UniverseOption = None,
    seed: options.SeedOption = None,
    events: Annotated[int | None, number(1, 10**12, "Events of each sample.")] = None,
    file_format: Annotated[Literal["csv", "root"], typer.Option("--format")] = "csv",
    workers: Annotated[
        int | None,
        number(
            1,
            options.MAX_PROCESSES,
            "Processes for large samples in ROOT chunks; all cores by default.",
        ),
    ] = None,
    force: Annotated[
        bool, flag("--force", "Replace what was generated before, and only that.")
    ] = False,
    samples: options.SamplesOption = options.SAMPLES_FILE,
    console: Console,
) -> None:
    """Generate course samples, or the observed data of a universe.

    NAME is `background` or `signal_<mass>`, at any mass in GeV; without a name, all samples.

    The events depend on the seed alone, not on the workers. The files say that they were
    generated, wherever they are copied, and no other file is replaced by them.

    Example: `xyy generate signal_600 background --out mine`
    """
    from tools.event_files import refuse_to_replace
    from tools.generate import DEFAULT_SEED, generate_sample
    from tools.universe import generate_universe

    catalogue = options.catalogue_of(samples)
    chosen = DEFAULT_SEED if seed is None else seed
    chosen_by: dict[str, Any] = {"seed": chosen, "file_format": file_format, "workers": workers}
    if universe is not None and (names or events is not None):
        raise InputError("--universe K takes no sample names and no --events: it has its own")
    with one_writer(out):
        if universe is not None:
            data = f"universe_{universe}" if file_format == "csv" else catalogue.observed().name
            refuse_to_replace(out, [data], file_format, force=force)
            with console.progress(f"universe {universe}") as report:
                path = generate_universe(catalogue, universe, out, progress=report, **chosen_by)
            console.say(str(path))
            return
        names = names or [sample.name for sample in catalogue.simulation]
        refuse_to_replace(out, names, file_format, force=force)
        for name in names:
            with console.progress(name, events) as report:
                path = generate_sample(
                    catalogue, name, out, events=events, progress=report, **chosen_by
                )
            console.say(str(path))
