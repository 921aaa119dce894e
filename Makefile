# make run: the app.   make test: every check.   Both first install what they need, into .venv and once.
# make docs: the documentation site, into site/.   make gallery: its pictures of the app, anew.
# make walk: every page with every choice, hours; goes on where it was ended (.measured/walk.jsonl).
# make assets, make measure: what is shipped and the tables of docs/, anew: hours.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check

TRAIN := $(BIN)/python -m pruning train

.PHONY: run test docs gallery walk assets measure chromium

run: .venv/installed
	$(BIN)/python -m pruning app

# pytest comes last, so that its closing line is the last thing to be read
test: .venv/installed-dev chromium
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

docs: .venv/installed-dev
	NO_MKDOCS_2_WARNING=1 PYTHONPATH=. $(BIN)/python -m mkdocs build --quiet
	@echo "site/index.html, or with search: $(BIN)/python -m http.server --bind 127.0.0.1 --directory site"

gallery: .venv/installed-dev chromium
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.gallery

walk: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.walking

# each line is recorded in the file that it writes, with the versions and the accuracy
assets: .venv/installed
	$(TRAIN) --model resnet20 --data scenes --epochs 14 --lr 0.1 --batch-size 64 --seed 0 --threads 1 --device cpu \
	    --out assets/resnet20-scenes.safetensors
	$(TRAIN) --model resnet20 --data digits --epochs 20 --lr 0.1 --batch-size 32 --seed 0 --threads 1 --device cpu \
	    --out assets/resnet20-digits.safetensors
	$(TRAIN) --model vgg16_slim --data scenes --epochs 20 --lr 0.05 --batch-size 64 --seed 0 --threads 1 --device cpu \
	    --out assets/vgg16_slim-scenes.safetensors
	$(TRAIN) --model mobilenet_v2_slim --data scenes --epochs 14 --lr 0.1 --batch-size 64 --seed 0 --threads 1 \
	    --device cpu --out assets/mobilenet_v2_slim-scenes.safetensors
	$(TRAIN) --model deeplabv3plus_small --data scenes_masks --epochs 30 --lr 0.1 --batch-size 64 --seed 0 --threads 1 \
	    --device cpu --out assets/deeplabv3plus_small-scenes_masks.safetensors
	mkdir -p assets/domains
	$(TRAIN) --model resnet20 --data scenes_colours --epochs 6 --lr 0.1 --batch-size 64 --seed 0 --threads 1 \
	    --device cpu --out assets/domains/scenes_colours.judge.safetensors
	$(TRAIN) --model stargan_small --data scenes_colours --epochs 24 --lr 0.0004 --batch-size 16 --seed 0 --threads 1 \
	    --device cpu --out assets/stargan_small-scenes_colours.safetensors
	$(BIN)/python -m pruning.shipped

# PRUNING_DATA: folder of the public checkpoints and CIFAR-10 images. What is in .measured/ is not measured again.
measure: .venv/installed-dev chromium
	$(BIN)/python -m tests.benchmarks.criteria scenes
	$(BIN)/python -m tests.benchmarks.criteria cifar
	$(BIN)/python -m tests.benchmarks.criteria controls
	$(BIN)/python -m tests.benchmarks.criteria choices
	$(BIN)/python -m tests.benchmarks.criteria write
	$(BIN)/python -m tests.benchmarks.speed
	$(BIN)/python -m tests.benchmarks.page
	$(BIN)/python -m tests.benchmarks.load --write
	$(BIN)/python -m tests.benchmarks.kept_runs
	$(BIN)/python -m tests.benchmarks.oracle
	$(BIN)/python -m tests.benchmarks.subtask
	$(BIN)/python -m tests.benchmarks.catro
	$(BIN)/python -m tests.benchmarks.search
	$(BIN)/python -m tests.benchmarks.methods
	$(BIN)/python -m tests.benchmarks.distillation tune
	$(BIN)/python -m tests.benchmarks.distillation choices
	$(BIN)/python -m tests.benchmarks.quantization
	$(BIN)/python -m tests.benchmarks.compression
	for part in digits cost; do $(BIN)/python -m tests.benchmarks.gates $$part || exit; done
	$(BIN)/python -m tests.benchmarks.gates_choice
	$(BIN)/python -m tests.benchmarks.gates_tables
	for part in public factors tune rates time scenes speed peers; do \
	    $(BIN)/python -m tests.benchmarks.repair $$part --threads 2 || exit; done
	$(BIN)/python -m tests.benchmarks.matched --threads 2
	if [ -n "$$EFFICIENTNET" ]; then $(BIN)/python -m tests.benchmarks.large_images; fi
	$(BIN)/python -m tests.benchmarks.repair_tables
	$(BIN)/python -m tests.benchmarks.merging && $(BIN)/python -m tests.benchmarks.merging write
	$(BIN)/python -m tests.benchmarks.all_methods && $(BIN)/python -m tests.benchmarks.all_methods write
	$(BIN)/python -m tests.benchmarks.repair_rates
	for beside in 0 1; do $(BIN)/python -m tests.benchmarks.durations --beside $$beside || exit; done
	$(BIN)/python -m tests.benchmarks.durations --write
	if $(BIN)/python -c 'import sys, torch; sys.exit(not torch.accelerator.is_available())'; then \
	    $(BIN)/python -m tests.benchmarks.device --device cpu && $(BIN)/python -m tests.benchmarks.device; fi
	$(BIN)/python -m tests.benchmarks.compare_scenes
	for part in speed overhead queue faults; do $(BIN)/python -m tests.benchmarks.comparisons $$part || exit; done
	for part in families shares write; do $(BIN)/python -m tests.benchmarks.comparison_statistics $$part || exit; done
	$(BIN)/python -m tests.benchmarks.segmentation_size
	for part in repaired trained; do $(BIN)/python -m tests.benchmarks.segmentation $$part || exit; done
	for part in repaired trained size; do $(BIN)/python -m tests.benchmarks.translation $$part || exit; done
	for part in measure write; do $(BIN)/python -m tests.benchmarks.targets $$part || exit; done
	$(BIN)/python -m tests.benchmarks.segmentation write
	$(BIN)/python -m tests.benchmarks.checkpoints
	GENERATED=2000 $(BIN)/python -m pytest tests/test_generated.py --timeout 3600
	$(BIN)/python -m tests.benchmarks.engine coverage
	$(BIN)/python -m tests.benchmarks.engine correctness
	$(BIN)/python -m tests.benchmarks.engine streams
	$(BIN)/python -m tests.benchmarks.engine write --bench

.venv/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	@echo "Installing into .venv (once; PyTorch is most of it)"
	@$(PYTHON) -m venv .venv
	@$(PIP) -r requirements.txt
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	@$(PIP) -r requirements-dev.txt
	@touch $@

# The tests drive the system's own browser; where there is none and apt-get cannot bring one, they say so.
chromium:
	@if ! { command -v chromium-headless-shell || command -v chromium || command -v chromium-browser \
	        || command -v google-chrome; } >/dev/null \
	    && command -v apt-get >/dev/null; then \
	    [ "$$(id -u)" = 0 ] && apt=apt-get || apt="sudo -n apt-get"; \
	    { export DEBIAN_FRONTEND=noninteractive; $$apt update -qq && { \
	        $$apt install -y -qq chromium-headless-shell 2>/dev/null || $$apt install -y -qq chromium; }; } >/dev/null \
	    || echo "apt-get could not install Chromium: the browser tests need it"; \
	fi
