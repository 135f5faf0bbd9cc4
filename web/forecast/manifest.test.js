// Manifests as people have them, and as nobody should.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { modelText, read, withPatch } from './manifest.js';

/** A Deployment in YAML, with lines of its container's, of its pods', and of its own. */
const yaml = (container = '', pod = '', spec = '') => `apiVersion: apps/v1
kind: Deployment
metadata: { name: shop }
spec:
  selector: { matchLabels: { app: shop } }
  ${spec}
  template:
    metadata: { labels: { app: shop } }
    spec:
      ${pod}
      containers:
        - name: shop
          image: shop
          ${container}
`;
const plain = yaml();
/** The model of a text: the Deployment, its spec, its first container, and what is noted. */
function modelOf(text, name = undefined) {
	const { objects, notes, ...rest } = read(text, name);
	const [deployment, service] = objects;
	return { deployment, service, spec: deployment.spec, container: deployment.spec.template.spec.containers[0], notes, ...rest };
}

test('a manifest is read as kubectl would', () => {
	const encoder = new TextEncoder();
	const wide = (mark, isLittle) => new Uint8Array([...mark, ...Array.from(plain).flatMap((it) => (isLittle ? [it.charCodeAt(0), 0] : [0, it.charCodeAt(0)]))]);
	const same = [
		plain.replaceAll('\n', '\r\n'),
		`\uFEFF${plain}`,
		encoder.encode(`\uFEFF${plain}`),
		wide([0xff, 0xfe], true),
		wide([0xfe, 0xff], false),
		JSON.stringify(read(plain).objects[0]),
		`---\n---\n${plain}---\n# nothing\n`,
		`apiVersion: v1\nkind: List\nitems:\n- ${plain.trim().replaceAll('\n', '\n  ')}\n`,
		plain.replace('metadata: { name: shop }', 'metadata: { name: shop, annotations: null, creationTimestamp: null }\nstatus: {}'),
		`\`\`\`yaml\n${plain}\`\`\`\n`,
		`Here it is:\n\n  ~~~\n${plain.replace(/^/gm, '  ')}~~~\nThanks: to you\n`,
		`cat <<'EOF' | kubectl apply -f -\n${plain}EOF\n`,
		`$ kubectl get deployment shop -o yaml\n${plain}me@here:~$ \n`,
		plain.replace(/^/gm, '    '),
		yaml('env: []\n          ports:\n          resources: {}', 'volumes: []'),
	];
	for (const text of same) {
		const { deployment, spec } = modelOf(text);
		assert.deepEqual([deployment.metadata, spec.replicas, spec.selector], [{ name: 'shop', namespace: 'default' }, 1, { matchLabels: { app: 'shop' } }]);
	}
	const probes = modelOf(yaml('x: &probe { tcpSocket: { port: 80 }, periodSeconds: 0 }\n          readinessProbe: { <<: *probe, failureThreshold: 1 }'));
	assert.deepEqual(probes.container.readinessProbe, { tcpSocket: { port: 80 }, failureThreshold: 1 });
});

/** A Service and other things beside a Deployment. */
const beside = (kind, spec, name = 'shop') => `---\napiVersion: v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}\n`;

test('what cannot be run is taken for something, and said', () => {
	const { container, notes, traits } = modelOf(
		yaml(
			`ports: [{ containerPort: 81 }]
          readinessProbe: { exec: { command: [healthy] } }
          livenessProbe: { grpc: { port: 9000 } }
          startupProbe: { httpGet: { host: localhost, port: 81 } }
          lifecycle: { postStart: { exec: { command: [x] } }, preStop: { exec: { command: [/bin/drain] } } }
          resources: { limits: { cpu: 1 } }
          shellHook: x`,
			'initContainers: [{ name: x, image: x }]',
		),
	);
	assert.deepEqual(container.readinessProbe, { httpGet: { path: '/health', port: 81 } });
	assert.deepEqual(container.livenessProbe, { httpGet: { path: '/health', port: 9000 } });
	assert.deepEqual(container.startupProbe, { httpGet: { path: '/', port: 81 } });
	assert.equal(container.lifecycle, undefined);
	assert.deepEqual(traits.probes, { startupProbe: 'httpGet', readinessProbe: 'exec', livenessProbe: 'grpc' });
	assert.deepEqual(notes, [
		'Unknown field "spec.template.spec.containers[0].shellHook": kubectl apply refuses it.',
		'The readinessProbe of shop is assumed to succeed while its program works, because its exec cannot be run here.',
		'The livenessProbe of shop is assumed to succeed while its program works, because its grpc cannot be run here.',
		'The startupProbe of shop names a host: the kubelet asks "localhost" from its node, not the pod. The forecast asks the pod.',
		'The preStop hook of shop does not sleep, so it is assumed to take no time.',
		'The postStart hook of shop is not run. Count its time as part of the start.',
		'Not run: the init container x. Count its time as part of the start.',
		'Not modelled: resources.',
	]);
});

test('Kubernetes’ defaults are stated, and images that only a build knows are taken', () => {
	const { spec } = modelOf(yaml());
	assert.deepEqual(spec.strategy, { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } });
	assert.equal(spec.template.spec.terminationGracePeriodSeconds, 30);
	// biome-ignore lint/suspicious/noTemplateCurlyInString: a shell's
	for (const image of ['ko://example.com/cmd/shop', '$TAG', '"${IMAGE}:1"', 'gcr.io/PROJECT_ID/shop:COMMIT_SHA']) {
		assert.equal(modelOf(plain.replace('image: shop', `image: ${image}`)).container.image, 'shop');
	}
});

test('the Deployment that is forecast is the one that is wanted, or the first that has replicas', () => {
	const [none, shop, till] = [yaml('', '', 'replicas: 0').replaceAll('shop', 'none'), plain, plain.replaceAll('shop', 'till')];
	const all = [none, shop, till].join('---\n');
	assert.deepEqual([read(all).names, read(all).name, read(all, 'till').name], [['none', 'shop', 'till'], 'shop', 'till']);
	assert.throws(() => read(all, 'none'), /^Error: spec\.replicas: 0 replicas cannot serve any requests$/);
	assert.throws(() => read(all, 'bank'), /^Error: there is no Deployment called "bank"; found: none, shop, till$/);
	const twice = read(`${yaml('', '', 'replicas: 2')}---\n${yaml('', '', 'replicas: 3')}`);
	assert.deepEqual([twice.names, twice.objects[0].spec.replicas], [['shop'], 3]);
	assert.match(twice.notes.join(), /2 Deployments called "shop"\. The last one is forecast\./);
});

test('the Service is that of the pods, and tells which container serves', () => {
	const two = yaml('ports: [{ name: http, containerPort: 80 }]').replace(
		'containers:',
		'containers:\n        - { name: proxy, image: p, ports: [{ containerPort: 90 }], readinessProbe: { tcpSocket: { port: 90 } } }',
	);
	const service = (ports, more = '') =>
		`${beside('Service', '{ selector: { app: till } }', 'till')}${beside('Service', `{ selector: { app: shop }, ports: [${ports}]${more} }`, 'web')}`;
	assert.equal(read(two).main, 'proxy');
	assert.equal(read(two + service('{ port: 1, targetPort: http }')).main, 'shop');
	assert.equal(read(two + service('{ port: 80 }')).main, 'shop');
	const { service: found, traits } = modelOf(
		two + service('{ port: 1, targetPort: web }', ', clusterIP: None, sessionAffinity: ClientIP, publishNotReadyAddresses: true'),
	);
	assert.deepEqual(found.spec, { selector: { app: 'shop' }, publishNotReadyAddresses: true, ports: [{ port: 1, targetPort: 'web' }] });
	assert.deepEqual([traits.service, traits.isHeadless, traits.isSticky], ['web', true, true]);
	assert.equal(traits.reaches, 'none of its ports: no container has a port called web');
	const assumed = modelOf(two + beside('Service', '{ selector: { app: till } }', 'till'));
	assert.deepEqual(assumed.service.spec.selector, { app: 'shop' });
	assert.match(assumed.notes.join(), /No Service here selects these pods, so one is assumed\./);
	const sidecar = modelOf(yaml('', 'initContainers: [{ name: mesh, image: m, restartPolicy: Always, ports: [{ containerPort: 9 }] }, { name: x, image: x }]'));
	assert.deepEqual(
		sidecar.spec.template.spec.containers.map(({ name }) => name),
		['shop', 'mesh'],
	);
});

test('what stands beside a Deployment says how requests come', () => {
	const service = beside('Service', '{ selector: { app: shop }, ports: [{ port: 80 }] }');
	for (const [more, route] of [
		['', 'service'],
		[beside('Ingress', '{ rules: [{ http: { paths: [{ backend: { service: { name: shop } } }] } }] }'), 'proxy'],
		[beside('Ingress', '{ rules: [{ http: { paths: [{ backend: { service: { name: till } } }] } }] }'), 'service'],
		[beside('HTTPRoute', '{ rules: [{ backendRefs: [{ name: shop, port: 80 }] }] }'), 'proxy'],
		[beside('VirtualService', '{ http: [{ route: [{ destination: { host: shop.default.svc.cluster.local } }] }] }'), 'proxy'],
		[beside('IngressRoute', '{ routes: [{ services: [{ name: shop, port: 80 }] }] }'), 'proxy'],
		[beside('Mapping', '{ service: "http://shop:80" }'), 'proxy'],
	]) {
		assert.equal(read(plain + service + more).route, route, more);
	}
	assert.equal(read(plain + beside('Ingress', '{}')).route, 'proxy');
	assert.equal(read(yaml('ports: [{ name: grpc-web, containerPort: 80 }]')).route, 'kept');
	assert.equal(read(yaml('readinessProbe: { grpc: { port: 80 } }')).route, 'kept');
});

test('traits tell what advice has to respect', () => {
	const traits = (...args) => read(`${yaml(...args.slice(0, 3))}${args[3] ?? ''}`).traits;
	assert.equal(traits().isServed, false);
	assert.equal(traits('ports: [{ containerPort: 80 }]').isServed, true);
	assert.equal(traits('readinessProbe: { tcpSocket: { port: 80 } }').isServed, true);
	assert.equal(traits('', '', '', beside('Service', '{ selector: { app: shop } }')).isServed, true);

	const claim = 'volumes: [{ name: data, persistentVolumeClaim: { claimName: db } }]';
	const modes = (mode) => beside('PersistentVolumeClaim', `{ accessModes: [${mode}] }`, 'db');
	assert.equal(traits('', claim, '', modes('ReadWriteOnce')).only, 'its volume db can be mounted by one node at a time');
	assert.equal(traits('', claim, '', modes('ReadWriteMany')).only, undefined);
	assert.equal(traits('', claim).only, 'its volume db may be one that a single node can mount');
	assert.equal(traits('', claim, 'replicas: 2').only, undefined);
	const port = traits('ports: [{ containerPort: 80, hostPort: 80 }]');
	assert.deepEqual(
		[port.only, port.exclusive],
		['its port 80 on the node is taken for as long as the old pod runs', "its port 80 is one of the node's, which one pod at a time can have"],
	);

	const term = 'topologyKey: kubernetes.io/hostname, labelSelector: { matchExpressions: [{ key: app, operator: In, values: [shop] }] }';
	const affinity = (kind) => traits('', `affinity: { podAntiAffinity: { ${kind}DuringSchedulingIgnoredDuringExecution: [{ ${term} }] } }`);
	assert.equal(affinity('required').exclusive, 'its pods may not share a node (podAntiAffinity)');
	assert.equal(affinity('preferred').exclusive, undefined);
	const spread =
		'topologySpreadConstraints: [{ maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule }, { maxSkew: 1, topologyKey: x, whenUnsatisfiable: ScheduleAnyway }]';
	assert.deepEqual(traits('', spread).spread, ['zone']);

	const scaled = read(`${plain}${beside('HorizontalPodAutoscaler', '{ scaleTargetRef: { kind: Deployment, name: shop }, minReplicas: 3, maxReplicas: 9 }')}`);
	assert.deepEqual([scaled.objects[0].spec.replicas, scaled.traits.autoscaler], [3, { kind: 'HorizontalPodAutoscaler', name: 'shop', min: 3, max: 9 }]);
	assert.match(scaled.notes.join(), /HorizontalPodAutoscaler shop sets the number of replicas\. Its minimum of 3 is forecast\./);
	const keda = read(`${plain}${beside('ScaledObject', '{ scaleTargetRef: { name: shop }, triggers: [] }')}`);
	assert.deepEqual([keda.objects[0].spec.replicas, keda.traits.autoscaler?.min], [1, 0]);
	assert.deepEqual(traits('', '', '', beside('PodDisruptionBudget', '{ minAvailable: 50%, selector: { matchLabels: { app: shop } } }')).budget, {
		name: 'shop',
		minAvailable: '50%',
	});
});

test('what is shared reads as the same, and holds nothing else', () => {
	const secret = `${yaml(
		`ports: [{ name: http, containerPort: 80 }]
          command: [sh, -c, "login hunter2"]
          args: [--password=hunter2]
          env: [{ name: hunter2, value: hunter2 }]
          readinessProbe: { exec: { command: [ask, hunter2] } }
          livenessProbe: { httpGet: { port: http, httpHeaders: [{ name: Authorization, value: hunter2 }] } }
          lifecycle: { preStop: { exec: { command: [sh, -c, "curl -u x:hunter2 localhost/shutdown; sleep 7"] } } }`,
		'volumes: [{ name: data, persistentVolumeClaim: { claimName: db } }, { name: hunter2, secret: { secretName: hunter2 } }]\n      hostNetwork: true',
		'minReadySeconds: 3',
	).replace('metadata: { name: shop }', 'metadata: { name: shop, namespace: mall, labels: { hunter2: x }, annotations: { x: hunter2 } }')}${[
		beside('Service', '{ selector: { app: shop }, ports: [{ port: 80 }], loadBalancerIP: hunter2 }'),
		beside('HorizontalPodAutoscaler', '{ scaleTargetRef: { name: shop, kind: Deployment }, minReplicas: 2, maxReplicas: 4, metrics: [hunter2] }'),
		beside('PodDisruptionBudget', '{ maxUnavailable: 1, selector: { matchLabels: { app: shop } } }'),
		beside('PersistentVolumeClaim', '{ accessModes: [ReadWriteOnce], storageClassName: hunter2 }', 'db'),
		beside('Ingress', '{ defaultBackend: { service: { name: shop } }, tls: [{ secretName: hunter2 }] }'),
	]
		.join('')
		.replaceAll('metadata: {', 'metadata: { namespace: mall,')}${beside('Secret', '{ data: hunter2 }', 'x')}`;
	const samples = readdirSync('web/samples').map((name) => readFileSync(`web/samples/${name}`, 'utf8'));
	for (const text of [secret, ...samples]) {
		const found = read(text);
		const shared = modelText(found);
		assert.doesNotMatch(shared, /hunter2/);
		const again = read(shared);
		for (const part of ['name', 'namespace', 'objects', 'main', 'route', 'traits', 'kept']) assert.deepEqual(again[part], found[part], part);
	}
	const { traits, route } = read(secret);
	assert.equal(route, 'proxy');
	assert.deepEqual(
		[traits.preStop?.text, traits.only, traits.autoscaler?.min],
		['ends the server (curl shutdown) before it sleeps', 'its volume db can be mounted by one node at a time', 2],
	);
});

test('a patch is refused where the API server would refuse it', () => {
	const found = read(yaml('ports: [{ containerPort: 80 }]\n          readinessProbe: { tcpSocket: { port: 80 } }'));
	const patch = (readinessProbe) => ({ spec: { template: { spec: { containers: [{ name: 'shop', readinessProbe }] } } } });
	const httpGet = { path: '/', port: 80 };
	assert.throws(() => withPatch(found, patch({ httpGet })), /containers\[0\]\.readinessProbe\.tcpSocket: Forbidden: may not specify more than 1 handler type$/);
	assert.deepEqual(withPatch(found, patch({ httpGet, tcpSocket: null })).objects[0].spec.template.spec.containers[0].readinessProbe, { httpGet });
});

test('a large manifest is read, and what makes a parser slow is not', () => {
	const rest = `---\nkind: ConfigMap\ndata:\n${'  key: a text that is rather long\n'.repeat(200_000)}---\nkind: Odd\nspec:\n${Array.from({ length: 50_000 }, (_, index) => `  k${index}: x\n`).join('')}`;
	assert.equal(read(plain + rest).name, 'shop');
	for (const text of ['a: &a [*a]', '['.repeat(50_000), '{"a":'.repeat(50_000)]) assert.throws(() => read(text), /^Error: it is nested too deeply$/);
});
