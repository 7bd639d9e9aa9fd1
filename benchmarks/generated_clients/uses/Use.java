import java.io.File;
import java.util.List;
import org.openapitools.client.ApiClient;
import org.openapitools.client.api.JobsApi;
import org.openapitools.client.api.PredictApi;
import org.openapitools.client.model.*;

/** Trains, follows and predicts with the generated client; arguments: the server's URL, and a picture. */
public class Use {
  public static void main(String[] arguments) throws Exception {
    ApiClient client = new ApiClient();
    client.updateBaseUri(arguments[0]);
    PublishedModel model = trained(new JobsApi(client));
    List<File> pictures = List.of(new File(arguments[1]));
    Prediction answer =
        new PredictApi(client).predictWithVersion(model.getName(), model.getVersion(), pictures, 3, null, null);
    PictureAnswer picture = (PictureAnswer) answer.getPredictions().get(0).getActualInstance();
    System.out.println(picture.getLabel() + " " + picture.getProbability() + " of " + picture.getTopK().size());
  }

  static PublishedModel trained(JobsApi jobs) throws Exception {
    JobRequest asked = new JobRequest()
        .architecture(new JobRequestArchitecture("lenet5-fashion"))
        .dataset("fashion_mnist_sample").epochs(1).trainSamples(200).validation(new Validation("test"));
    // The client makes a dry run of the answer's body; the job's address is in the header.
    String location =
        jobs.submitJobWithHttpInfo(new Submission(asked), false, null).getHeaders().get("location").get(0);
    String id = location.substring(location.lastIndexOf('/') + 1);
    JobAnswer job = jobs.getJob(id);
    while (job.getState() == JobState.QUEUED || job.getState() == JobState.RUNNING) {
      Thread.sleep(500);
      job = jobs.getJob(id);
    }
    if (job.getState() != JobState.SUCCEEDED) {
      throw new IllegalStateException(job.toString());
    }
    return job.getModel();
  }
}
