# One image for every component of Kubernetes: a small root, the kube binary, a name for each component, and the enforcer of policies.
ARG ROOT
FROM ${ROOT}
COPY iptables /usr/local/sbin/
COPY kube network-policy /usr/local/bin/
RUN for name in kube-apiserver kube-controller-manager kube-scheduler kube-proxy etcd kubectl; do ln -s kube /usr/local/bin/$name || exit 1; done \
 && for name in iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do ln -s iptables /usr/local/sbin/$name || exit 1; done
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
