// The genome with its index: as given where the index lies beside it, else indexed once for all
include { INDEX_GENOME } from '../../modules/local/index_genome/main'

workflow PREPARE_GENOME {
    take:
    genome // map: id, fasta, index (list), indexed, compress

    main:
    if (genome.indexed) {
        files    = channel.value([genome.fasta] + genome.index)
        versions = channel.empty()
    }
    else {
        INDEX_GENOME([[id: genome.id, compress: genome.compress], genome.fasta])
        files    = INDEX_GENOME.out.files.map { _meta, made -> genome.compress ? made : [genome.fasta] + (made instanceof List ? made : [made]) }
        versions = INDEX_GENOME.out.versions_seformer.mix(INDEX_GENOME.out.versions_pysam)
    }

    emit:
    files    // value: [fasta, index files]
    versions
}
