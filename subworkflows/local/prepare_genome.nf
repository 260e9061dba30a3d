// The genome with its index: as given where the index lies beside it, else indexed once for all
include { INDEX_GENOME } from '../../modules/local/index_genome/main'

workflow PREPARE_GENOME {
    take:
    genome // map: id, fasta, index (list), indexed

    main:
    if (genome.indexed) {
        files    = channel.value([genome.fasta] + genome.index)
        versions = channel.empty()
    }
    else {
        INDEX_GENOME([[id: genome.id], genome.fasta])
        files    = INDEX_GENOME.out.files.map { _meta, made ->
            def found = made instanceof List ? made : [made]
            found.any { file -> !(file.name ==~ /.*\.(fai|gzi)/) } ? found : [genome.fasta] + found
        }
        versions = INDEX_GENOME.out.versions
    }

    emit:
    files    // value: [fasta, index files]
    versions
}
