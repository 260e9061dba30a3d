// A mail when the run ends, with the report, where --email names someone.
import java.nio.file.Files
import nextflow.Nextflow

class Mail {

    static final long MOST_BYTES = 25L << 20 // servers take no more

    // A mail that cannot be sent is no fault of the run: the log says why
    static void send(workflow, Map params) {
        if (!params.email) {
            return
        }
        def report = Terminal.report(params)
        def attached = workflow.success && Files.exists(report) && Files.size(report) <= MOST_BYTES
        def words = [
            to     : params.email.toString(),
            subject: "seformer ${workflow.success ? 'is done' : 'stopped'}: ${workflow.runName}".toString(),
            body   : Terminal.closing(workflow, params).join('') + "\n\nCommand: ${workflow.commandLine}\n"
        ] + (attached ? [attach: report.toFile()] : [:])
        try {
            Nextflow.sendMail(words)
        }
        catch (Exception error) {
            Terminal.warn("--email: no mail could be sent (${error.message}); the results are not touched by it".toString())
        }
    }
}
