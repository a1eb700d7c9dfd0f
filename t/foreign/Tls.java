// java Tls.java HOST PORT TRUST-STORE RSA|ECDSA: JSSE against the responder.
import java.io.*;
import java.nio.file.*;
import java.security.KeyStore;
import javax.net.ssl.*;

public class Tls {
	static SSLContext context;
	static String host;
	static int port;

	static SSLSession visit(String version, String suite) throws Exception {
		try (SSLSocket s = (SSLSocket) context.getSocketFactory().createSocket(host, port)) {
			s.setSoTimeout(20000);
			SSLParameters p = s.getSSLParameters();
			p.setEndpointIdentificationAlgorithm("HTTPS");
			p.setProtocols(new String[] { version });
			if (suite != null)
				p.setCipherSuites(new String[] { suite });
			p.setApplicationProtocols(new String[] { "http/1.1" });
			s.setSSLParameters(p);
			s.getOutputStream().write(("GET /dir HTTP/1.1\r\nHost: " + host + ":" + port +
			    "\r\nConnection: close\r\n\r\n").getBytes());
			String text = new String(s.getInputStream().readAllBytes());
			if (!text.contains("newNonce"))
				throw new Exception("no directory: " + text);
			if (!s.getApplicationProtocol().equals("http/1.1"))
				throw new Exception("ALPN: " + s.getApplicationProtocol());
			if (suite != null && !s.getSession().getCipherSuite().equals(suite))
				throw new Exception("suite: " + s.getSession().getCipherSuite());
			return s.getSession();
		}
	}

	public static void main(String[] args) throws Exception {
		host = args[0];
		port = Integer.parseInt(args[1]);
		KeyStore trust = KeyStore.getInstance(new File(args[2]), "changeit".toCharArray());
		TrustManagerFactory managers = TrustManagerFactory.getInstance("PKIX");
		managers.init(trust);
		context = SSLContext.getInstance("TLS");
		context.init(null, managers.getTrustManagers(), null);
		String old = "TLS_ECDHE_" + args[3] + "_WITH_";
		for (String s : new String[] { "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
		    "TLS_CHACHA20_POLY1305_SHA256" })
			visit("TLSv1.3", s);
		for (String s : new String[] { "AES_128_GCM_SHA256", "AES_256_GCM_SHA384",
		    "CHACHA20_POLY1305_SHA256" })
			visit("TLSv1.2", old + s);
		SSLSession one = visit("TLSv1.3", null), two = visit("TLSv1.3", null);
		System.out.println("suite " + two.getCipherSuite() + ", resumed " + (one.getCreationTime() == two.getCreationTime()));
	}
}
