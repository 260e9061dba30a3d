// Work on one BED file in shards: handed out to the models, and together again in their order.
class Shards {

    // One item a shard: [bed's meta with shard (from 1) and shards, folder]
    static List<List> numbered(Map bed, Object folders) {
        // by number: as text shard_10000 comes before shard_9999
        def all = folders instanceof List ? folders.toSorted { folder -> folder.name.find(/\d+$/) as int } : [folders]
        return all.withIndex(1).collect { folder, i -> [bed + [shard: i, shards: all.size()], folder] }
    }

    // The meta of a file of regions that one model alone takes: those with its highest scores
    static Map own(Map scores, Object file) {
        def number = file.baseName.find(/\d+$/)
        return [id: top(scores.bed, number), name: top(scores.name, number), others: true, model: scores.sample]
    }

    // What they are called: peaks.top20
    static String top(Object bed, Object number) {
        return "${bed}.top${number}"
    }

    // One task: [meta, model's folder, shard's folder]
    static List task(Map bed, Object folder, Map model, Object modelFolder) {
        def id = "${model.id}, ${bed.id}, shard ${bed.shard} of ${bed.shards}".toString()
        def meta = [id: id, sample: model.id, bed: bed.id, name: bed.name, shard: bed.shard, shards: bed.shards]
        return [meta, modelFolder, folder]
    }

    // All shards of one BED file with one model: [meta, folders in the order of the shards]
    static List gathered(List<Map> metas, List folders) {
        def first = metas[0]
        def id = "${first.sample}, ${first.bed}".toString()
        def meta = [id: id, sample: first.sample, bed: first.bed, name: first.name, shards: first.shards]
        def order = (0..<metas.size()).toSorted { a, b -> metas[a].shard <=> metas[b].shard }
        return [meta, order.collect { i -> folders[i] }]
    }
}
