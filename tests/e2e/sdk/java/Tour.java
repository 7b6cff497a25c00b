import com.svix.Svix;
import com.svix.SvixOptions;
import com.svix.exceptions.ApiException;
import com.svix.models.AppPortalAccessIn;
import com.svix.models.ApplicationIn;
import com.svix.models.BackgroundTaskStatus;
import com.svix.models.EndpointHeadersIn;
import com.svix.models.EndpointIn;
import com.svix.models.EndpointOut;
import com.svix.models.EndpointPatch;
import com.svix.models.EndpointSecretRotateIn;
import com.svix.models.EventTypeIn;
import com.svix.models.MessageAttemptOut;
import com.svix.models.MessageIn;
import com.svix.models.MessageOut;
import com.svix.models.RecoverIn;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Tour URL TOKEN RECEIVER: what a user of the Java SDK does, from the first call to the last. Prints
 * a line "step result" for each; an error of the SDK ends it.
 */
public final class Tour {
	private static final long DEADLINE_NS = 60_000_000_000L;

	private final String url;
	private final String token;
	private final Svix svix;
	private final String eventType = "tour." + ProcessHandle.current().pid();
	private String app;
	private String endpoint;

	private Tour(String url, String token) {
		this.url = url;
		this.token = token;
		svix = client(url, token);
	}

	public static void main(String[] args) throws Exception {
		new Tour(args[0], args[1]).run(args[2]);
		System.exit(0); // its HTTP client's threads would keep it for a minute
	}

	private static Svix client(String url, String token) {
		SvixOptions options = new SvixOptions();
		options.setServerUrl(url);
		return new Svix(token, options);
	}

	private void run(String receiver) throws Exception {
		create(receiver);
		MessageOut first = send(1);
		say("message", first.getId());
		say("by-message", answers(first.getId(), 1));
		list();
		headers();
		svix.getEndpoint().rotateSecret(app, endpoint, new EndpointSecretRotateIn());
		say("rotated", svix.getEndpoint().getSecret(app, endpoint).getKey());
		resend(first.getId());
		say("resend", answers(first.getId(), 2));
		recover(first.getTimestamp());
		portal();
		delete();
	}

	private void create(String receiver) throws Exception {
		app = svix.getApplication().create(new ApplicationIn().name("tour")).getId();
		say("application", app);
		EventTypeIn type = new EventTypeIn().name(eventType).description("of the tour");
		say("event-type", svix.getEventType().create(type).getName());
		EndpointIn in = new EndpointIn().url(URI.create(receiver)).filterTypes(Set.of(eventType));
		endpoint = svix.getEndpoint().create(app, in).getId();
		say("endpoint", endpoint);
		say("secret", svix.getEndpoint().getSecret(app, endpoint).getKey());
	}

	private MessageOut send(int n) throws Exception {
		MessageIn in = new MessageIn().eventType(eventType).payload("{\"n\": " + n + "}");
		return svix.getMessage().create(app, in);
	}

	/** The status codes of its attempts, oldest first, as soon as there are that many. */
	private List<Object> answers(String message, int count) throws Exception {
		List<Object> codes = new ArrayList<>();
		until(() -> {
			codes.clear();
			for (MessageAttemptOut a : svix.getMessageAttempt().listByMsg(app, message).getData()) {
				codes.add(0, a.getResponseStatusCode());
			}
			return codes.size() >= count;
		});
		return codes;
	}

	private void list() throws Exception {
		List<Object> ids = new ArrayList<>();
		for (MessageAttemptOut a : svix.getMessageAttempt().listByEndpoint(app, endpoint).getData()) {
			ids.add(a.getMsgId());
		}
		say("by-endpoint", ids);
		ids.clear();
		for (MessageOut message : svix.getMessage().list(app).getData()) {
			ids.add(message.getId());
		}
		say("messages", ids);
	}

	private void headers() throws Exception {
		EndpointHeadersIn wanted = new EndpointHeadersIn();
		wanted.putHeadersItem("X-Tour", "java").putHeadersItem("Authorization", "a secret");
		svix.getEndpoint().updateHeaders(app, endpoint, wanted);
		var got = svix.getEndpoint().getHeaders(app, endpoint);
		List<Object> shown = new ArrayList<>();
		got.getHeaders().forEach((name, value) -> shown.add(name + "=" + value));
		shown.addAll(got.getSensitive());
		say("headers", shown);
	}

	/** This SDK's own resend fails before it sends: its HTTP client wants a body in a POST. */
	private void resend(String message) throws Exception {
		String path = "/api/v1/app/" + app + "/msg/" + message + "/endpoint/" + endpoint + "/resend";
		HttpRequest request = HttpRequest.newBuilder(URI.create(url + path))
			.header("Authorization", "Bearer " + token)
			.POST(HttpRequest.BodyPublishers.noBody())
			.build();
		int status = HttpClient.newHttpClient()
			.send(request, HttpResponse.BodyHandlers.discarding())
			.statusCode();
		if (status != 202) {
			throw new IllegalStateException("resend: " + status);
		}
	}

	/**
	 * Sends a message to which the receiver says 410, which disables the endpoint; its owner mends it,
	 * and recovers what was lost.
	 */
	private void recover(OffsetDateTime since) throws Exception {
		String lost = send(2).getId();
		say("lost", answers(lost, 1));
		until(() -> svix.getEndpoint().get(app, endpoint).getDisabled());
		svix.getEndpoint().patch(app, endpoint, new EndpointPatch().disabled(false));
		String task = svix.getEndpoint().recover(app, endpoint, new RecoverIn().since(since)).getId();
		until(() -> svix.getBackgroundTask().get(task).getStatus() == BackgroundTaskStatus.FINISHED);
		say("recover", answers(lost, 2));
	}

	private void portal() throws Exception {
		String access = svix.getAuthentication().appPortalAccess(app, new AppPortalAccessIn()).getToken();
		List<Object> ids = new ArrayList<>();
		for (EndpointOut row : client(url, access).getEndpoint().list(app).getData()) {
			ids.add(row.getId());
		}
		say("portal", ids);
	}

	private void delete() throws Exception {
		svix.getEndpoint().delete(app, endpoint);
		svix.getApplication().delete(app);
		svix.getEventType().delete(eventType);
		try {
			svix.getApplication().get(app);
		} catch (ApiException refused) {
			Matcher code = Pattern.compile("\"code\":\"(\\w+)\"").matcher(refused.getResponseBody());
			say("deleted", refused.getCode(), code.find() ? code.group(1) : "?");
		}
	}

	private static void until(Callable<Boolean> condition) throws Exception {
		long end = System.nanoTime() + DEADLINE_NS;
		while (!condition.call()) {
			if (System.nanoTime() > end) {
				throw new IllegalStateException("not within " + DEADLINE_NS / 1_000_000_000L + " s");
			}
			Thread.sleep(50);
		}
	}

	private static void say(String step, List<Object> results) {
		say(step, results.toArray());
	}

	private static void say(String step, Object... results) {
		StringBuilder line = new StringBuilder(step);
		for (Object result : results) {
			line.append(' ').append(result);
		}
		System.out.println(line);
	}
}
