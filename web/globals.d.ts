// What build.js puts into the workers and the pages.
declare const FILES: string[];
declare const FORECASTER: string;
declare const MARKER: string;
declare const MODULES: Record<string, string>;
declare const PAGES: Record<string, string>;
// What bundle.js puts into the forecast.
declare const VERSION: string;

// What a service worker has, and a page has not: TypeScript's own types of the two exclude one another.
declare const registration: ServiceWorkerRegistration;
declare const clients: {
	claim(): Promise<void>;
	get(id: string): Promise<ServiceWorker | undefined>;
	matchAll(options: { includeUncontrolled: boolean }): Promise<ServiceWorker[]>;
};
declare function skipWaiting(): Promise<void>;
