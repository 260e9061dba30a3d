#!/usr/bin/env bash
# File names as people have them, and as nobody should: spaces, quotes, brackets, an ampersand, an
# umlaut; a leading dash, pipes, redirections and a command.
set -euo pipefail
cd tests/data/demo
mkdir "my data"
mv super_enhancers.bed "my data/it's \"super\" (1) & more.bed"
mv typical_enhancers.bed "my data/-rf typische Verstärker | touch ran | <ran >ran ! ^x=%s && touch ran.bed"
mv genome.fa.gz "my data/the genome.fa.gz"
mv to_score.bed "my data/to score, all.bed"
cat > "my data/the sheet.csv" <<'CSV'
sample,super_enhancers,typical_enhancers
a.b-c_1,"it's ""super"" (1) & more.bed",-rf typische Verstärker | touch ran | <ran >ran ! ^x=%s && touch ran.bed
CSV
exec ../../../tests/pipeline/run.sh "$@" --input "my data/the sheet.csv" --fasta "my data/the genome.fa.gz" \
    --predict "my data/to score, all.bed" --outdir "my results"
